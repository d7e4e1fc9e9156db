/** A button that takes picture files. */
import { useRef } from "preact/hooks";
import { takeFiles } from "./sources";

export function UploadButton({ children = "Upload" }: { children?: string }) {
  const input = useRef<HTMLInputElement>(null);
  const taken = () => {
    const files = [...(input.current?.files ?? [])];
    if (input.current) input.current.value = ""; // so that the same file can be chosen again
    void takeFiles(files);
  };
  return (
    <>
      <button type="button" onClick={() => input.current?.click()}>
        {children}
      </button>
      <input ref={input} type="file" accept="image/png,image/jpeg,image/webp,image/gif" multiple hidden onChange={taken} />
    </>
  );
}
