/** The pictures at hand, and every way to get another one. */
import { useSignal } from "@preact/signals";
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import * as state from "../store/state";
import { camera, toggleCamera, toggleFreeze, video } from "./camera";
import { DrawingPad } from "./drawing_pad";
import { ImageStrip } from "./image_strip";
import { crop, listen, takeAddress } from "./sources";
import { UploadButton } from "./upload_button";
import { stretched, trouble } from "./upload_image";

/** With `draw` the drawing pad is open at first. */
export function SourcesPanel({ draw = false }: { draw?: boolean }) {
  const open = useSignal<"" | "draw" | "address">(draw ? "draw" : "");
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
      <ImageStrip />
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
