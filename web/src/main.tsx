import { render } from "preact";
import { live } from "./hosts/live";
import { App } from "./shell/app";
import { listen } from "./shell/keys";
import { link } from "./store/link";
import { begin } from "./store/session";
import { settle } from "./store/ui";
import "./circuit/circuit.css";
import "./map/page/map.css";
import "./panels/panels.css";
import "./space/page/space.css";
import "./theme.css";
import "./toolbox/toolbox.css";

settle();
begin(live(), () => link.begin());
listen();
const root = document.getElementById("app");
if (root) render(<App />, root);
