import { render } from "preact";
import { begin } from "./store/actions";
import { App } from "./shell/app";
import { listen } from "./shell/keys";
import { link } from "./store/link";
import "./theme.css";
import "./toolbox/toolbox.css";
import { settle } from "./store/ui";

settle();
begin(() => link.begin());
listen();
const root = document.getElementById("app");
if (root) render(<App />, root);
