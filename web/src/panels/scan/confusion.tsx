/** Which classes the images of the scan are taken for, the most frequent mistakes first, and the images of each. */
import { batch, useSignal } from "@preact/signals";
import type { ConfusedCell } from "../../schema";
import { showImage } from "../../store/images";
import { readyHost, sentence, useAnswer } from "../../store/requests";
import * as state from "../../store/state";

export function Confusion() {
  const open = useSignal(false);
  return (
    <details onToggle={(event) => (open.value = event.currentTarget.open)}>
      <summary>What is taken for what</summary>
      {open.value && <Mistakes />}
    </details>
  );
}

function Mistakes() {
  const [network, folder] = [state.network.value?.name ?? "", state.scan.value?.folder];
  const { value, error } = useAnswer(`${network} ${folder}`, () => readyHost().call("confusion", { network, true: -1, predicted: -1 }));
  const [chosen, trouble] = [useSignal(""), useSignal("")];
  const show = async (cell: ConfusedCell) => {
    chosen.value = key(cell);
    try {
      trouble.value = "";
      const { shown } = await readyHost().call("confusion", { network, true: cell.true, predicted: cell.predicted });
      const ids = new Set(shown.map((row) => row.id));
      batch(() => {
        state.images.value = [...shown, ...state.images.value.filter((row) => !ids.has(row.id))];
        if (shown[0]) showImage(shown[0].id);
        state.said.value = `${shown.length} pictures of ${short(cell.label)} taken for ${short(cell.taken_for)} are first among the pictures.`;
      });
    } catch (problem) {
      trouble.value = sentence(problem);
    }
  };
  if (error) return <p class="quiet">{error}</p>;
  if (!value)
    return (
      <p class="quiet" role="status">
        Counting …
      </p>
    );
  const unmatched = value.unmatched.length;
  return (
    <section class="confusion" aria-label="What is taken for what">
      <p>
        Of {value.images} pictures {percent(value.top1)} are right, and {percent(value.top5)} have their class among the first five.
      </p>
      {unmatched > 0 && (
        <p class="note">
          Left out: {unmatched} classes that the network does not have, such as {value.unmatched[0]}.
        </p>
      )}
      {trouble.value && (
        <p class="wrong" role="alert">
          {trouble.value}
        </p>
      )}
      <table class="confusion-cells">
        <thead>
          <tr>
            <th scope="col">class</th>
            <th scope="col">taken for</th>
            <th scope="col">pictures</th>
          </tr>
        </thead>
        <tbody>
          {value.cells.map((cell) => (
            <tr key={key(cell)}>
              <td>{short(cell.label)}</td>
              <td>{short(cell.taken_for)}</td>
              <td>
                <button
                  type="button"
                  class="small"
                  aria-pressed={chosen.value === key(cell)}
                  onClick={() => void show(cell)}
                  aria-label={`Show ${cell.images} pictures of ${short(cell.label)} taken for ${short(cell.taken_for)}`}
                >
                  {cell.images}
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

const key = (cell: ConfusedCell) => `${cell.true} ${cell.predicted}`;
const short = (label: string) => label.split(",")[0] ?? label;
const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
