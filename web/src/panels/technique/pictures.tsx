/** A subject that is a picture, or several: each chosen among those at hand, with its look, or taken from a file. */
import { useId, useRef } from "preact/hooks";
import { useImage } from "../../store/image_url";
import { addImage } from "../../store/images";
import { label } from "./schema_form";
import { BETWEEN, type Subject } from "./subjects";

export function PictureRows({ one, put }: { one: Subject; put(text: string): void }) {
  const ids = one.value.split(BETWEEN);
  const change = (at: number) => (id: string) => put(id && ids.length > 1 ? ids.with(at, id).join(BETWEEN) : id);
  return (
    <>
      {ids.map((id, at) => {
        const name = ids.length > 1 ? `${label(one.name)} ${at + 1}` : label(one.name);
        return (
          <PictureRow key={at} name={name} id={id} one={one} put={change(at)}>
            {ids.length > 1 && (
              <button type="button" class="small" aria-label={`Leave out ${name}`} onClick={() => put(ids.toSpliced(at, 1).join(BETWEEN))}>
                ×
              </button>
            )}
          </PictureRow>
        );
      })}
      {one.several && !one.missing && (
        <button type="button" class="small" onClick={() => put([...ids, ids.at(-1)].join(BETWEEN))}>
          Another {one.name}
        </button>
      )}
    </>
  );
}

interface Row {
  name: string;
  id: string;
  one: Subject;
  put(id: string): void;
  children: preact.ComponentChildren;
}

function PictureRow({ name, id, one, put, children }: Row) {
  const own = useId();
  const url = useImage(id, "");
  const standard = one.typed ? id : "";
  return (
    <div class="knob">
      <label for={own}>{name}</label>
      <div class="row picture-row">
        {url && <img src={url} alt="" class="picture-thumb" />}
        <select id={own} value={standard} onChange={(event) => put(event.currentTarget.value)}>
          {one.options
            ?.filter(([value]) => value || !one.typed.includes(BETWEEN))
            .map(([value, text]) => (
              <option key={value} value={value}>
                {text}
              </option>
            ))}
        </select>
        <FromFile name={name} put={put} />
        {children}
      </div>
    </div>
  );
}

/** Takes a file among the pictures at hand, and leaves the one on screen there. */
function FromFile({ name, put }: { name: string; put(id: string): void }) {
  const input = useRef<HTMLInputElement>(null);
  const take = async () => {
    const file = input.current?.files?.[0];
    if (input.current) input.current.value = ""; // so that the same file can be chosen again
    const info = file && (await addImage(file, file.name, false));
    if (info) put(info.id);
  };
  return (
    <>
      <button type="button" class="small" aria-label={`Upload ${name}`} onClick={() => input.current?.click()}>
        Upload
      </button>
      <input
        ref={input}
        type="file"
        accept="image/png,image/jpeg,image/webp,image/gif"
        hidden
        aria-label={`File of ${name}`}
        onChange={() => void take()}
      />
    </>
  );
}
