/** Two pictures side by side, or in turn at one place; and a loupe over the same place in both. */
import { useEffect } from "preact/hooks";
import type { ImageInfo } from "../../schema";
import { blinking, isStill, loupe, PACE, swap, swapped, toggleBlink } from "../../store/blink";
import { useImage } from "../../store/image_url";
import * as state from "../../store/state";
import { Loupe, Mark, pointed, pressed, useBitmap } from "./loupe";

const MOST = 4_000_000; // pixels of a picture that is shown whole

export function Pair() {
  const [one, two] = [state.image.value, state.other.value].map((id) => state.images.value.find((row) => row.id === id));
  const whole = alike(one, two);
  const seenBy = whole ? "" : (state.network.value?.name ?? "");
  const urls = [useImage(state.image.value, seenBy), useImage(state.other.value, seenBy)] as const;
  const bitmaps = [useBitmap(loupe.value ? urls[0] : ""), useBitmap(loupe.value ? urls[1] : "")] as const;
  useClock();
  const names = [one?.name ?? "picture", two?.name ?? "picture"] as const;
  const size = loupe.value ? bitmaps[0] : null;
  return (
    <>
      <div
        class={`compare-pair ${blinking.value ? "blinking" : ""} ${size ? "looked-into" : ""}`}
        role="group"
        aria-label={`${names[0]} and ${names[1]}`}
        tabIndex={size ? 0 : -1}
        onKeyDown={(event) => size && pressed(event, bitmaps)}
      >
        {names.map((name, i) => (
          <figure key={i} class={blinking.value && swapped.value !== (i === 1) ? "behind" : ""}>
            <div class="compare-picture" onPointerMove={(event) => size && pointed(event, size)}>
              {urls[i] ? <img src={urls[i]} alt="" draggable={false} /> : <span class="thumb-empty" />}
              {size && <Mark size={size} />}
            </div>
            <figcaption>{name}</figcaption>
          </figure>
        ))}
      </div>
      <Ways />
      {loupe.value && <Loupe bitmaps={bitmaps} names={names} />}
      <p class="quiet hint">
        {whole ? "Their own pixels, all of them." : `As ${state.network.value?.title} sees them: they differ in size.`}
      </p>
    </>
  );
}

/** Whether two pictures can be compared pixel by pixel, as they are. */
function alike(one?: ImageInfo, two?: ImageInfo): boolean {
  return !!one && !!two && one.width === two.width && one.height === two.height && one.width * one.height <= MOST;
}

/** Swaps them now and then, while they blink and may move. */
function useClock(): void {
  useEffect(() => {
    if (!blinking.value) return;
    const clock = setInterval(() => isStill() || swap(), PACE);
    return () => clearInterval(clock);
  }, [blinking.value]);
}

function Ways() {
  return (
    <div class="tool-row">
      <button
        type="button"
        class="toggle"
        aria-pressed={blinking.value}
        title="Show them in turn at one place (v)"
        onClick={() => toggleBlink()}
      >
        Blink
      </button>
      {blinking.value && (
        <button type="button" title={isStill() ? "Show the other one (v)" : "Show the other one"} onClick={() => swap()}>
          Swap
        </button>
      )}
      <button
        type="button"
        class="toggle"
        aria-pressed={loupe.value}
        title="Enlarge the pixels under the pointer in both (g)"
        onClick={() => (loupe.value = !loupe.value)}
      >
        Loupe
      </button>
    </div>
  );
}
