/** A sheet to draw on, as large as what the network takes and as grey as it is. */
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { newest } from "../store/newest";
import * as state from "../store/state";
import { networkSize } from "./stretch";
import { useStroke } from "./stroke";
import { UploadButton } from "./upload_button";
import { uploadImage } from "./upload_image";

const LIVE = "drawing, unfinished";
const SIDE = 288; // of the sheet on the page, at most

export function DrawingPad({ close }: { close(): void }) {
  const [height, width] = networkSize();
  const grey = state.network.value?.channels === 1;
  const paper = grey ? "#000000" : "#ffffff"; // small grey networks were mostly trained on white strokes on black
  const sheet = useRef<HTMLCanvasElement>(null);
  const [ink, setInk] = useState(grey ? "#ffffff" : "#1a1a1a");
  const [eraser, setEraser] = useState(false);
  const [size, setSize] = useState(Math.max(2, Math.round(Math.max(height, width) / 14)));
  const [live, setLive] = useState(true);
  const zoom = SIDE / Math.max(height, width);
  const id = useId();

  const clear = () => {
    const pen = sheet.current?.getContext("2d");
    if (!pen) return;
    pen.fillStyle = paper;
    pen.fillRect(0, 0, width, height);
  };
  useEffect(clear, [height, width, paper]);
  const look = useLooking(sheet);
  const stroke = useStroke(sheet, eraser ? paper : ink, size, () => live && void look());
  const use = async () => {
    const data = await picture(sheet.current);
    if (!data || !(await uploadImage(data, "drawing"))) return;
    state.images.value = state.images.value.filter((row) => row.name !== LIVE);
  };

  return (
    <div class="pad" role="group" aria-label="Drawing pad">
      <canvas
        ref={sheet}
        width={width}
        height={height}
        role="img"
        aria-label={`Sheet to draw on, ${width} by ${height} pixels`}
        style={{ width: `${width * zoom}px`, aspectRatio: `${width} / ${height}`, imageRendering: zoom > 1.5 ? "pixelated" : "auto" }}
        {...stroke}
      />
      <div class="pad-tools">
        <div class="row">
          <button type="button" aria-pressed={!eraser} onClick={() => setEraser(false)}>
            Pencil
          </button>
          <button type="button" aria-pressed={eraser} onClick={() => setEraser(true)}>
            Eraser
          </button>
          <button
            type="button"
            onClick={() => {
              clear();
              if (live) void look();
            }}
          >
            Clear
          </button>
        </div>
        <label for={`${id}-size`}>Width, {size} pixels</label>
        <input
          id={`${id}-size`}
          type="range"
          min={1}
          max={Math.max(4, Math.round(Math.max(height, width) / 4))}
          value={size}
          onInput={(event) => setSize(event.currentTarget.valueAsNumber)}
        />
        {grey ? (
          <Greys ink={ink} choose={setInk} id={id} />
        ) : (
          <label>
            Color{" "}
            <input
              type="color"
              value={ink}
              onInput={(event) => {
                setInk(event.currentTarget.value);
                setEraser(false);
              }}
            />
          </label>
        )}
        <label>
          <input type="checkbox" checked={live} onChange={(event) => setLive(event.currentTarget.checked)} /> Show it to the network as I
          draw
        </label>
        <div class="row">
          <button type="button" class="main" onClick={() => void use()}>
            Keep the drawing
          </button>
          <button type="button" onClick={close}>
            Close
          </button>
        </div>
        <p class="quiet">
          Drawing takes a pointer: mouse, pen or finger. With the keyboard alone, upload a picture instead.{" "}
          <UploadButton>Upload one</UploadButton>
        </p>
      </div>
    </div>
  );
}

function Greys({ ink, choose, id }: { ink: string; choose(ink: string): void; id: string }) {
  const level = parseInt(ink.slice(1, 3), 16);
  const as = (value: number) => `#${value.toString(16).padStart(2, "0").repeat(3)}`;
  return (
    <>
      <label for={`${id}-grey`}>Grey, {level} of 255</label>
      <input
        id={`${id}-grey`}
        type="range"
        min={0}
        max={255}
        value={level}
        onInput={(event) => choose(as(event.currentTarget.valueAsNumber))}
      />
    </>
  );
}

function picture(canvas: HTMLCanvasElement | null): Promise<Blob | null> {
  return new Promise((done) => (canvas ? canvas.toBlob(done, "image/png") : done(null)));
}

/** Shows the network the sheet as it is when its turn comes. */
function useLooking(sheet: { current: HTMLCanvasElement | null }): () => Promise<void> {
  const look = useRef(
    newest<null>(async () => {
      const data = await picture(sheet.current);
      if (data) await uploadImage(data, LIVE, true);
    }),
  );
  return () => look.current(null);
}
