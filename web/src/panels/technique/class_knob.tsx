/** A knob that is a class of the network: its names are searched as they are typed. */
import { useSignal } from "@preact/signals";
import { classNamed, type Found, findClasses } from "../../store/finding";
import * as state from "../../store/state";
import { type Asked, SearchBox } from "../search_box";

interface ClassKnobProps {
  input: Asked;
  text: string;
  put(text: string): void;
}

export function ClassKnob({ input, text, put }: ClassKnobProps) {
  const open = useSignal(false);
  const info = state.network.value;
  const found = info && open.value ? findClasses(info, text) : [];
  const show = (on: boolean) => {
    open.value = on;
  };
  const type = (typed: string) => {
    show(true);
    put(typed);
  };
  const take = (row: Found) => {
    show(false);
    if (info) put(classNamed(info, row));
  };
  const press = (event: KeyboardEvent) => {
    if (event.key !== "Escape" && event.key !== "ArrowDown") return;
    event.preventDefault();
    show(event.key === "ArrowDown");
  };
  return (
    <div class="search">
      <SearchBox
        input={{ ...input, onKeyDown: press, onBlur: () => show(false), onClick: () => show(true) }}
        text={text}
        found={found}
        open={found.length > 0}
        type={type}
        take={take}
      />
    </div>
  );
}
