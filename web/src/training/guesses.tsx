/** Pictures held out, and what the network took them for at the step that is looked at; and pictures of one's own. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Arr } from "../hosts/host";
import { useStroke } from "../input/stroke";
import { UploadButton } from "../input/upload_button";
import { kept, uploadImage } from "../input/upload_image";
import type { Guessed } from "../schema";
import * as app from "../store/state";
import * as state from "./state";

const SHEET = 168; // pixels of the sheet to draw on

export function Guesses() {
  return (
    <section class="panel train-guesses" aria-label="Test pictures">
      <h2>
        Test pictures <small>of the probe, and the three classes they are taken for</small>
      </h2>
      {state.shown.value.map((run, i, all) => (
        <Probe key={run} run={run} mark={all.length > 1 ? "AB"[i]! : ""} />
      ))}
      <Own />
    </section>
  );
}

function Probe({ run, mark }: { run: number; mark: string }) {
  const look = state.looks.value[run];
  const pictures = look?.arrays.pictures;
  if (!look || !pictures || !look.header.guessed.length) return <p class="quiet">{look?.header.why}</p>;
  const known = look.header.guessed.filter((one) => one.index >= 0);
  const right = known.filter((one) => one.index === one.guesses[0]?.index).length;
  return (
    <>
      <p class="quiet">
        {mark && `${mark}: `}
        {known.length ? `${right} of these ${known.length} are right` : "Their classes were not given"} at step{" "}
        {look.header.step.toLocaleString("en")}.
      </p>
      <ol class="train-probe">
        {look.header.guessed.map((one, i) => (
          <li key={i}>
            <Picture array={pictures} number={i} />
            <Bars guessed={one} />
          </li>
        ))}
      </ol>
    </>
  );
}

function Picture({ array, number }: { array: Arr; number: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [, height = 1, width = 1] = array.shape;
  useEffect(() => {
    const pen = canvas.current?.getContext("2d");
    if (!pen) return;
    const image = new ImageData(width, height);
    for (let i = 0; i < width * height; i += 1) {
      const from = 3 * (number * width * height + i);
      image.data.set([array.data[from]!, array.data[from + 1]!, array.data[from + 2]!, 255], 4 * i);
    }
    pen.putImageData(image, 0, 0);
  }, [array, number]);
  return (
    <canvas
      ref={canvas}
      width={width}
      height={height}
      class={width < 64 ? "crisp" : ""}
      role="img"
      aria-label={`Test picture ${number + 1}`}
    />
  );
}

export function Bars({ guessed }: { guessed: Guessed }) {
  return (
    <ul class="train-bars" aria-label={guessed.label && `It is ${guessed.label}, taken for`}>
      {guessed.guesses.map((one) => (
        <li key={one.index} class={guessed.index < 0 ? "" : one.index === guessed.index ? "right" : "wrong-one"}>
          <span class="train-bar" style={{ width: `${100 * one.probability}%` }} aria-hidden="true" />
          <span class="name">
            {one.index === guessed.index && "✓ "}
            {one.label}
          </span>
          <span>{Math.round(100 * one.probability)} %</span>
        </li>
      ))}
    </ul>
  );
}

/** A picture of one's own, where the loop is in the process that serves this page. */
function Own() {
  const run = state.shown.value[0] ?? 0;
  const loop = state.known.value[run]?.header.loop;
  const image = app.image.value;
  const [asked, put] = useState("");
  const own = kept().some((row) => row.id === image && !row.reference);
  const running = loop?.state === "running" || loop?.state === "paused";
  const mayTest = !!loop && running && !loop.untested;
  const step = state.known.value[run]?.header.step;
  useEffect(() => {
    if (mayTest && own && image) void state.test(run, image).then(() => put(image));
  }, [mayTest, own, image, step]); // again at each step that is told of, so that one sees it learn
  if (!loop) return null;
  return (
    <div class="train-own">
      <h3>Test a picture of yours</h3>
      {!mayTest ? (
        <p class="quiet">{loop.untested || "The training has ended, so the network is no longer here. What it became can be explored."}</p>
      ) : (
        <div class="row">
          <Sheet />
          <div class="train-own-side">
            <UploadButton>Upload a picture</UploadButton>
            {state.guessed.value && asked ? (
              <Bars guessed={state.guessed.value} />
            ) : (
              <p class="quiet">Draw or upload one: it is asked again as the network learns.</p>
            )}
          </div>
        </div>
      )}
    </div>
  );
}

/** A sheet to draw on, white on black as digits are; what is drawn is asked about when the pen is lifted. */
function Sheet() {
  const sheet = useRef<HTMLCanvasElement>(null);
  const clear = () => {
    const pen = sheet.current?.getContext("2d");
    if (!pen) return;
    pen.fillStyle = "#000000";
    pen.fillRect(0, 0, SHEET, SHEET);
  };
  useEffect(clear, []);
  const stroke = useStroke(sheet, "#ffffff", SHEET / 11, () => undefined);
  const lifted = (event: PointerEvent) => {
    stroke.onPointerUp();
    void event;
    sheet.current?.toBlob((data) => data && void uploadImage(data, "drawing"), "image/png");
  };
  return (
    <div class="train-sheet">
      <canvas ref={sheet} width={SHEET} height={SHEET} role="img" aria-label="Sheet to draw on" {...stroke} onPointerUp={lifted} />
      <button type="button" class="small" onClick={clear}>
        Clear
      </button>
    </div>
  );
}
