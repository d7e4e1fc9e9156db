/** A drawing that came as SVG, put into the page as it is: its words can be selected, its parts pointed at. */
import { useLayoutEffect, useRef } from "preact/hooks";

interface Props {
  svg: string;
  label: string;
  /** Is told of each new drawing, and of the place it lies in. */
  drawn?: (drawing: SVGSVGElement, focused: boolean) => void;
}

export function Drawing({ svg, label, drawn }: Props) {
  const place = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const made = new DOMParser().parseFromString(svg, "text/html").querySelector("svg");
    const element = place.current;
    if (!made || !element) return;
    made.setAttribute("role", drawn ? "group" : "img");
    made.setAttribute("aria-label", label);
    const focused = element.contains(document.activeElement);
    element.replaceChildren(made);
    drawn?.(made, focused);
  }, [svg]);
  return <div class="drawing" ref={place} />;
}
