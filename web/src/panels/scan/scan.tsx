/** The selected unit in the scan: the crops that drive it most with their projections, its numbers, its histogram. */
import * as state from "../../store/state";
import { tab } from "../../store/ui";
import { Synthesized } from "../synthesized";
import { Activations } from "./activations";
import { Begin } from "./begin";
import { Confusion } from "./confusion";
import { Crops } from "./crops";

export function ScanPanel() {
  const visible = tab.value === "scan";
  const scan = state.scan.value;
  const scanned = scan?.layers.includes(state.layer.value) ?? false;
  const at = [state.network.value?.name, state.layer.value, state.channel.value, scan?.folder];
  const key = visible && scanned ? JSON.stringify(at) : null;
  return (
    <section class="panel scan" aria-label="In the scan">
      {!scan && <p>Which pictures drive a unit most is found by a scan: every picture goes through the network once.</p>}
      {scan && !scanned && <p>The scan at hand holds other layers, not {state.layer.value}.</p>}
      {scan && scanned ? <Crops about={key} images={scan.images} /> : <Begin />}
      <Synthesized visible={visible} />
      {scanned && <Activations about={key} />}
      {scan && <Confusion />}
      {scanned && (
        <details>
          <summary>Scan again</summary>
          <Begin />
        </details>
      )}
    </section>
  );
}
