import { render } from "preact";
import { file } from "./hosts/file";
import { FilePage } from "./shell/file_page";
import { link } from "./store/link";
import { openMap } from "./store/places/map_place";
import * as state from "./store/state";
import { settle } from "./store/ui";
import "./panels/panels.css";
import "./theme.css";
import "./toolbox/toolbox.css";
import "./map/page/map.css";

settle();
const root = document.getElementById("app");
if (root) {
  file().then(
    async ({ host, held }) => {
      state.host.value = host;
      openMap();
      await link.begin();
      render(<FilePage held={held} />, root);
    },
    (error: unknown) => {
      root.textContent = String(error instanceof Error ? error.message : error);
    },
  );
}
