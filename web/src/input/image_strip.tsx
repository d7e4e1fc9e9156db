/** The pictures at hand, in a strip. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { ImageInfo } from "../schema";
import { compareWith, showImage } from "../store/images";
import { readyHost } from "../store/requests";
import * as state from "../store/state";
import { camera, NAME } from "./camera";

const SHOWN = 60; // pictures in the strip, around the one on screen

/** One picture is on screen: the arrows choose it, as among radio buttons. */
export function ImageStrip() {
  const all = state.images.value;
  const at = Math.max(
    0,
    all.findIndex((row) => row.id === state.image.value),
  );
  const first = Math.max(0, Math.min(at - SHOWN / 2, all.length - SHOWN));
  const strip = useRef<HTMLDivElement>(null);
  const move = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const next = event.key === "Home" ? all[0] : event.key === "End" ? all.at(-1) : step && all[(at + step + all.length) % all.length];
    if (!next) return;
    event.preventDefault();
    showImage(next.id);
    state.said.value = `Picture ${next.name}.`;
    requestAnimationFrame(() => strip.current?.querySelector<HTMLElement>("[aria-checked=true]")?.focus());
  };
  return (
    <>
      <div class="strip" role="radiogroup" aria-label={`Pictures at hand, ${all.length}`} ref={strip} onKeyDown={move} data-own-keys>
        {all.slice(first, first + SHOWN).map((row) => (
          <Thumb key={row.name === NAME ? NAME : row.id} row={row} />
        ))}
      </div>
      {all.length > SHOWN && (
        <p class="quiet">
          {first + 1} to {Math.min(first + SHOWN, all.length)} of {all.length}; next and previous go through all.
        </p>
      )}
    </>
  );
}

function Thumb({ row }: { row: ImageInfo }) {
  const button = useRef<HTMLButtonElement>(null);
  const [url, put] = useState("");
  const live = row.name === NAME && camera.value.on && !state.frozen.value;
  const network = state.network.value?.name ?? "";
  const chosen = row.id === state.image.value;
  useEffect(() => {
    if (live || !network) return;
    let wanted = true;
    readyHost()
      .imageUrl(row.id, network)
      .then(
        (found) => wanted && put(found),
        () => wanted && put(""),
      );
    return () => {
      wanted = false;
    };
  }, [row.id, network, live]);
  useEffect(() => {
    if (chosen && button.current) reveal(button.current);
  }, [chosen]);
  return (
    <button
      ref={button}
      type="button"
      class="thumb"
      role="radio"
      aria-checked={chosen}
      tabIndex={chosen ? 0 : -1}
      aria-label={`${row.name}, ${row.width} by ${row.height}`}
      title={`${row.name}, ${row.width} × ${row.height}${row.id === state.other.value ? ", compared" : ""}`}
      onClick={(event) => (event.shiftKey ? compareWith(row.id) : showImage(row.id))}
      data-compared={row.id === state.other.value}
    >
      {live ? <span class="thumb-live">live</span> : url ? <img src={url} alt="" draggable={false} /> : <span class="thumb-empty" />}
    </button>
  );
}

/** Scrolls the strip alone: the page must stay where the reader is. */
function reveal(thumb: HTMLElement): void {
  const strip = thumb.parentElement;
  if (!strip) return;
  const [own, frame] = [thumb.getBoundingClientRect(), strip.getBoundingClientRect()];
  strip.scrollTop += Math.min(0, own.top - frame.top) + Math.max(0, own.bottom - frame.bottom);
}
