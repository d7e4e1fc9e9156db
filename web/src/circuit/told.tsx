/** What is told of a unit or an edge: its numbers, and the kernels and products they come from. */
import type { Edge, Unit } from "./parts";

export function Told({ part }: { part: { unit: Unit } | { edge: Edge } | null }) {
  return (
    <aside class="circuit-told" aria-label="The part that is pointed at">
      {!part ? (
        <p class="quiet">Point at a unit or an edge, or go to a unit with Tab.</p>
      ) : "unit" in part ? (
        <UnitTold unit={part.unit} />
      ) : (
        <EdgeTold edge={part.edge} />
      )}
    </aside>
  );
}

function UnitTold({ unit }: { unit: Unit }) {
  const [, ...about] = unit.about.split("\n");
  return (
    <>
      <h3>
        <code>{unit.address}</code>
      </h3>
      {about.map((line) => (
        <p key={line}>{line}</p>
      ))}
      {unit.into.length > 0 && <h3>The strongest edges into it</h3>}
      {unit.into.map((edge) => (
        <details key={edge.title}>
          <summary>{edge.title}</summary>
          <pre>{edge.numbers}</pre>
        </details>
      ))}
    </>
  );
}

function EdgeTold({ edge }: { edge: Edge }) {
  return (
    <>
      <h3>{edge.title}</h3>
      <pre>{edge.numbers}</pre>
    </>
  );
}
