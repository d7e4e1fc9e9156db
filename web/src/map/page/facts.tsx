/** What is printed with every map: how far it can be trusted, how it was made, what moved by chance. */
import * as state from "../state";
import { type Fact, qualityOf, stepBetween } from "./quality";

export function Facts() {
  const header = state.header.value;
  if (!header) return null;
  const from = Math.min(Math.floor(state.snapshot.value), header.snapshots.length - 2);
  const moved = header.snapshots.length > 1 ? stepBetween(header, Math.max(0, from)) : [];
  return (
    <section class="panel map-facts" aria-labelledby="map-facts-title">
      <h2 id="map-facts-title">How far it can be trusted</h2>
      <List facts={qualityOf(header)} />
      {moved.length > 0 && (
        <>
          <h3>
            From {header.snapshots[Math.max(0, from)]} to {header.snapshots[Math.max(0, from) + 1]}
          </h3>
          <List facts={moved} />
        </>
      )}
    </section>
  );
}

function List({ facts }: { facts: readonly Fact[] }) {
  return (
    <dl>
      {facts.map(({ name, value, says }) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <b>{value}</b> <span class="quiet">{says}</span>
          </dd>
        </div>
      ))}
    </dl>
  );
}
