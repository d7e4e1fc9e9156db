/** A box to search in by keys alone: what is found is listed under it, and arrows walk through that. */
import { useSignal } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";
import type { Found } from "../store/finding";

/** What names and describes the input, and what else its keys and pointer do. */
export interface Asked {
  id?: string;
  placeholder: string;
  autofocus?: boolean;
  "aria-label"?: string;
  "aria-describedby"?: string;
  onKeyDown?(event: KeyboardEvent): void;
  onBlur?(): void;
  onClick?(): void;
}

interface SearchBoxProps {
  input: Asked;
  text: string;
  found: readonly Found[];
  open?: boolean;
  type(text: string): void;
  take(row: Found): void;
}

export function SearchBox({ input, text, found, open = true, type, take }: SearchBoxProps) {
  const own = useId();
  const at = useSignal(0);
  const press = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key];
    const row = found[at.value];
    if (!open || (event.key === "Enter" && !row)) return;
    if (event.key === "Enter" && row) take(row);
    else if (step) at.value = Math.max(0, Math.min(at.value + step, found.length - 1));
    else return;
    event.preventDefault();
  };
  return (
    <>
      <input
        type="text"
        role="combobox"
        aria-expanded={open}
        aria-controls={open ? own : undefined}
        aria-autocomplete="list"
        aria-activedescendant={open && found.length ? `${own}-${at.value}` : undefined}
        value={text}
        spellcheck={false}
        autocomplete="off"
        {...input}
        onInput={(event) => {
          at.value = 0;
          type(event.currentTarget.value);
        }}
        onKeyDown={(event) => {
          press(event);
          if (!event.defaultPrevented) input.onKeyDown?.(event);
        }}
      />
      {open && (
        <ul class="found" id={own} role="listbox" aria-label="Found" onMouseDown={(event) => event.preventDefault()}>
          {found.map((row, i) => (
            <Line key={`${row.kind} ${row.text} ${row.channel}`} row={row} id={`${own}-${i}`} on={i === at.value} take={take} />
          ))}
        </ul>
      )}
    </>
  );
}

function Line({ row, id, on, take }: { row: Found; id: string; on: boolean; take(row: Found): void }) {
  const line = useRef<HTMLLIElement>(null);
  useEffect(() => {
    if (on) line.current?.scrollIntoView({ block: "nearest" });
  }, [on]);
  return (
    <li ref={line} id={id} role="option" aria-selected={on} onClick={() => take(row)}>
      <span class={`kind ${row.kind}`}>{row.kind}</span>
      <span class="name">{row.text}</span>
      <span class="quiet">{row.about}</span>
    </li>
  );
}
