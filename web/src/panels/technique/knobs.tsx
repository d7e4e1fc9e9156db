/** Controls for knobs, made from their JSON Schema alone. */
import { useId } from "preact/hooks";
import { ClassKnob } from "./class_knob";
import { type Field, label, must, read } from "./schema_form";

interface FormProps {
  all: readonly Field[];
  texts: Readonly<Record<string, string>>;
  put(name: string, text: string): void;
}

export function Knobs({ all, texts, put }: FormProps) {
  return (
    <div class="knobs">
      {all.map((one) => (
        <Knob key={one.name} one={one} text={texts[one.name] ?? ""} put={(text) => put(one.name, text)} />
      ))}
    </div>
  );
}

function Knob({ one, text, put }: { one: Field; text: string; put(text: string): void }) {
  const id = useId();
  const reading = one.kind === "text" ? read(one, text) : null;
  const error = reading && "error" in reading ? reading.error : "";
  const told = { id, "aria-describedby": `${id}-hint`, "aria-invalid": !!error };
  return (
    <div class="knob">
      {one.kind === "switch" ? (
        <label class="check" for={id}>
          <input
            {...told}
            type="checkbox"
            checked={(text || String(one.standard)) === "true"}
            onChange={(event) => put(String(event.currentTarget.checked))}
          />
          {label(one.name)}
        </label>
      ) : (
        <>
          <label for={id}>{label(one.name)}</label>
          {one.kind === "class" ? (
            <ClassKnob input={{ ...told, placeholder: "empty" }} text={text} put={put} />
          ) : one.kind === "choice" ? (
            <select {...told} value={text || String(one.standard)} onChange={(event) => put(event.currentTarget.value)}>
              {one.words.map((word) => (
                <option key={word} value={word}>
                  {label(word)}
                </option>
              ))}
            </select>
          ) : (
            <>
              <input
                {...told}
                type="text"
                value={text}
                placeholder={String(one.standard) || "empty"}
                spellcheck={false}
                autocomplete="off"
                inputMode={one.numbers && !one.words.length ? (one.numbers.whole ? "numeric" : "decimal") : "text"}
                list={one.words.length ? `${id}-words` : undefined}
                onInput={(event) => put(event.currentTarget.value)}
              />
              {one.words.length > 0 && (
                <datalist id={`${id}-words`}>
                  {one.words.map((word) => (
                    <option key={word} value={word} />
                  ))}
                </datalist>
              )}
            </>
          )}
        </>
      )}
      <p class={error ? "wrong hint" : "quiet hint"} id={`${id}-hint`}>
        {error || hintOf(one)}
      </p>
    </div>
  );
}

function hintOf(one: Field): string {
  const bounds = one.kind === "text" && one.numbers ? must(one) : "";
  return [one.hint, bounds].filter(Boolean).join("; ");
}
