/** Two pictures: how they look, the classes of both, the units that changed, and where the selected unit differs. */
import { useEffect, useRef } from "preact/hooks";
import type { Arr } from "../../hosts/host";
import type { ClassScore } from "../../schema";
import * as state from "../../store/state";
import { ScaleBar } from "../../views/color_bar";
import { imageOf, paint, suited, written } from "../../views/colors";
import { ChangedUnits } from "./changed_units";
import { difference, sideBySide } from "./difference";
import { Pair } from "./pair";

export function Both() {
  const [one, two] = [state.looked.value, state.lookedOther.value];
  return (
    <>
      <Pair />
      {one && two && <Scores one={one.header.classes} two={two.header.classes} />}
      <ChangedUnits />
      <Difference />
    </>
  );
}

function Scores({ one, two }: { one: readonly ClassScore[]; two: readonly ClassScore[] }) {
  const rows = sideBySide(one, two);
  if (!rows.length) return null;
  const cell = (value: number | null) => (
    <td>{value === null ? <span title="not among its first">–</span> : `${(100 * value).toFixed(1)} %`}</td>
  );
  return (
    <table class="compare-classes">
      <thead>
        <tr>
          <th scope="col">class</th>
          <th scope="col">this</th>
          <th scope="col">other</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.index}>
            <th scope="row">{row.label.split(",")[0]}</th>
            {cell(row.one)}
            {cell(row.two)}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** The unit's map of the other picture less that of this one. */
function Difference() {
  const [one, two] = [state.unitLooked.value?.arrays.map, state.unitLookedOther.value?.arrays.map];
  const canvas = useRef<HTMLCanvasElement>(null);
  const values = one && two ? difference(one.data, two.data) : null;
  const most = values?.reduce((end, value) => Math.max(end, Math.abs(value)), 0) ?? 0;
  const scale = { ...suited(-most, most), label: "other − this" };
  useEffect(() => {
    if (!values || !one || !canvas.current) return;
    const { width, height } = sized(one);
    canvas.current.width = width;
    canvas.current.height = height;
    canvas.current.getContext("2d")?.putImageData(imageOf(paint(values, scale), width, height), 0, 0);
  }, [one, two]);
  if (!one || !two) return <p class="quiet">Waiting for both maps.</p>;
  if (!values) return <p class="quiet">The maps of both pictures differ in size.</p>;
  if (values.length === 1)
    return (
      <p>
        {state.unit.value}: {written(one.data[0] ?? 0)} and {written(two.data[0] ?? 0)}, a difference of {written(values[0] ?? 0)}.
      </p>
    );
  return (
    <figure class="compare-difference">
      <figcaption>{state.unit.value}, other less this</figcaption>
      <canvas
        ref={canvas}
        class="crisp"
        role="img"
        aria-label={`Difference of ${state.unit.value}, from ${written(-most)} to ${written(most)}`}
      />
      <ScaleBar scale={scale} width={160} />
    </figure>
  );
}

function sized(map: Arr): { width: number; height: number } {
  const [height = 1, width = 1] = map.shape;
  return { width, height };
}
