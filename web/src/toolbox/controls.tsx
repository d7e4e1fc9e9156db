/** The few controls the toolbox is made of. */
import type { Signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

type Options = readonly (readonly [value: string, text: string, disabled?: boolean])[];

export function Choice({ label, value, options }: { label: string; value: Signal<string>; options: Options }) {
  const id = useId();
  return (
    <span class="field">
      <label for={id}>{label}</label>
      <select id={id} value={value.value} onChange={(event) => (value.value = event.currentTarget.value)}>
        {options.map(([key, text, disabled]) => (
          <option key={key} value={key} disabled={disabled ?? false}>
            {text}
          </option>
        ))}
      </select>
    </span>
  );
}

interface SliderProps {
  label: string;
  value: Signal<number>;
  low: number;
  high: number;
  step: number;
  text(value: number): string;
  /** Values below this mean `low`. */
  snap?: number;
}

export function Slider({ label, value, low, high, step, text, snap = low }: SliderProps) {
  const id = useId();
  const change = (next: number) => (value.value = next < snap ? low : next);
  return (
    <span class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="range"
        min={low}
        max={high}
        step={step}
        value={value.value}
        aria-valuetext={text(value.value)}
        onInput={(event) => change(event.currentTarget.valueAsNumber)}
      />
      <output for={id}>{text(value.value)}</output>
    </span>
  );
}

/** A few choices side by side. */
export function Segments({ label, value, options }: { label: string; value: Signal<string>; options: Options }) {
  const name = useId();
  return (
    <fieldset class="segments">
      <legend class="unseen">{label}</legend>
      {options.map(([key, text, disabled]) => (
        <label key={key} class={value.value === key ? "on" : ""}>
          <input type="radio" name={name} checked={value.value === key} disabled={disabled ?? false} onChange={() => (value.value = key)} />
          {text}
        </label>
      ))}
    </fieldset>
  );
}

interface ToggleProps {
  on: boolean;
  onToggle(): void;
  children: ComponentChildren;
  title?: string;
}

export function Toggle({ on, onToggle, children, title }: ToggleProps) {
  return (
    <button type="button" class="toggle" aria-pressed={on} title={title} onClick={onToggle}>
      {children}
    </button>
  );
}
