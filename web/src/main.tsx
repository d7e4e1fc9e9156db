import { render } from "preact";
import { begin } from "./actions";
import { App } from "./app";
import { listen } from "./keys";
import { link } from "./link";
import "./theme.css";
import "./toolbox/toolbox.css";
import { settle } from "./toolbox/ui";

settle();
begin(() => link.begin());
listen();
const root = document.getElementById("app");
if (root) render(<App />, root);
