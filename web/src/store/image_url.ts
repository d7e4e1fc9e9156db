/** The address of a picture the host keeps, for an `<img>`; the last one stays until the next is there. */
import { useEffect, useState } from "preact/hooks";
import { report } from "./requests";
import * as state from "./state";

export function useImage(id: string, seenBy: string): string {
  const [url, show] = useState("");
  const host = state.host.value;
  useEffect(() => {
    if (!host || !id) return;
    let wanted = true;
    host.imageUrl(id, seenBy).then(
      (next) => wanted && show(next),
      (error: unknown) => wanted && report(error),
    );
    return () => {
      wanted = false;
    };
  }, [host, id, seenBy, state.connection.value === "connected"]);
  return url;
}
