/** What the page puts around the toolbox. */
import "./panels.css";

export { ComparePanel } from "./compare";
export { JobsPanel } from "./jobs";
export { ResultView } from "../views/result";
export { ScanPanel } from "./scan";
export { crop, nextImage, previousImage, takeAddress, takeFiles, toggleCamera, toggleFreeze } from "../input/sources";
export { Sources } from "../input/image_strip";
export { CropsRow, GalleryButton, Synthesized } from "./synthesized";
export { choose, TechniquePanel } from "./technique";
