/** The pictures at hand, and every way to get another one. */
import { useSignal } from "@preact/signals";
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { ImageInfo } from "../schema";
import { compareWith, showImage } from "../store/images";
import { readyHost } from "../store/requests";
import * as state from "../store/state";
import { camera, NAME, toggleCamera, toggleFreeze, video } from "./camera";
import { DrawingPad } from "./drawing_pad";
import { crop, listen, takeAddress } from "./sources";
import { UploadButton } from "./upload_button";
import { stretched, trouble } from "./upload_image";

const SHOWN = 60; // pictures in the strip, around the one on screen

export function Sources() {
  const open = useSignal<"" | "draw" | "address">("");
  useEffect(listen, []);
  const toggle = (which: "draw" | "address") => () => (open.value = open.value === which ? "" : which);
  return (
    <section class="sources" aria-label="Pictures">
      <div class="sources-ways">
        <UploadButton />
        <button type="button" aria-expanded={open.value === "draw"} onClick={toggle("draw")}>
          Draw
        </button>
        <button type="button" aria-pressed={camera.value.on} onClick={() => void toggleCamera()} title="Key c">
          Camera
        </button>
        <button type="button" aria-expanded={open.value === "address"} onClick={toggle("address")}>
          Address
        </button>
        <button
          type="button"
          aria-pressed={stretched.value}
          onClick={() => void crop()}
          title="Stretch pictures to the shape the network takes, instead of cropping them; key 0"
        >
          Stretch
        </button>
      </div>
      <p class="quiet sources-hint">Or paste (Ctrl-V) or drop a picture anywhere.</p>
      {open.value === "address" && <Address done={() => (open.value = "")} />}
      {open.value === "draw" && <DrawingPad close={() => (open.value = "")} />}
      {camera.value.on && <Eye />}
      {trouble.value && (
        <p class="wrong" role="alert">
          {trouble.value}{" "}
          <button type="button" class="small" onClick={() => (trouble.value = "")} aria-label="Dismiss">
            ×
          </button>
        </p>
      )}
      <Strip />
    </section>
  );
}

function Address({ done }: { done(): void }) {
  const id = useId();
  const text = useRef<HTMLInputElement>(null);
  const [busy, put] = useState(false);
  useLayoutEffect(() => text.current?.focus(), []);
  const ask = async (event: Event) => {
    event.preventDefault();
    put(true);
    const taken = await takeAddress(text.current?.value ?? "");
    put(false);
    if (taken) done();
  };
  return (
    <form class="row sources-address" onSubmit={(event) => void ask(event)} noValidate>
      <label for={id}>Address of a picture</label>
      <input id={id} ref={text} type="url" placeholder="https://…" spellcheck={false} />
      <button type="submit" disabled={busy}>
        {busy ? "Fetching …" : "Fetch"}
      </button>
    </form>
  );
}

/** What the camera sees, how often the network does, and a way to hold it. */
function Eye() {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    place.current?.append(video());
    void video()
      .play()
      .catch(() => undefined); // an element that was moved stops
  }, []);
  const { rate } = camera.value;
  return (
    <div class="row eye">
      <div ref={place} class="eye-video" role="img" aria-label="What the camera sees" />
      <p>{state.frozen.value ? "frozen" : rate ? `${rate.toFixed(1)} images a second` : "starting"}</p>
      <button type="button" aria-pressed={state.frozen.value} onClick={toggleFreeze} title="Key f">
        Freeze
      </button>
    </div>
  );
}

/** One picture is on screen: the arrows choose it, as among radio buttons. */
function Strip() {
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
    if (chosen) button.current?.scrollIntoView({ block: "nearest", inline: "nearest" });
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
