/** How one neuron's number comes about: its largest products, the rest, the bias, the total, and what is made of it. */
import { useComputed } from "@preact/signals";
import type { Frame } from "../hosts/host";
import type { Answer } from "../schema";
import { readyHost, useAnswer } from "../store/requests";
import { written } from "../views/colors";
import { answered, askAbout } from "./asking";
import { type Moving, Sliding } from "./sliding";

interface Term {
  source: string;
  weight: number;
  input: number;
  product: number;
}

/** What Python's Formula says of itself. */
interface Formula {
  unit: string;
  terms: Term[];
  rest: number;
  others: number;
  bias: number;
  remainder: number;
  total: number;
  function: string;
  activation: number;
  norm: [number, number] | null;
  moving: Moving | Record<string, never>;
}

interface Found {
  frame: Frame<Answer>;
  formula: Formula;
}

export function FormulaPanel() {
  const ask = useComputed(() => askAbout("formula", {})).value;
  const { value, error, busy } = useAnswer(ask && JSON.stringify(ask), async (signal): Promise<Found> => {
    const frame = await answered(ask!, signal);
    const { summary } = await readyHost().call("summary", { digest: frame.header.digest });
    return { frame, formula: summary as unknown as Formula };
  });
  return (
    <section class="panel formula-panel" aria-labelledby="formula-title" aria-busy={busy}>
      <header class="tools">
        <h2 id="formula-title">
          How its number comes about <small>{value && !busy ? <code>{value.formula.unit}</code> : ""}</small>
        </h2>
      </header>
      {error && (
        <p class="wrong" role="alert">
          {error}
        </p>
      )}
      {value && (
        <div class="formula-parts">
          <Sum formula={value.formula} strongest={Boolean(value.frame.header.evidence.strongest)} />
          <Moved found={value} />
        </div>
      )}
    </section>
  );
}

function Moved({ found }: { found: Found }) {
  const { map, kernel } = found.frame.arrays;
  const { moving } = found.formula;
  if (!map || !kernel || !("stride" in moving))
    return <p class="quiet">No convolution makes this number by itself, so there is no kernel to move over a map.</p>;
  return <Sliding key={found.frame.header.digest} map={map} kernel={kernel} moving={moving as Moving} />;
}

function Sum({ formula, strongest }: { formula: Formula; strongest: boolean }) {
  const { terms, others, rest, bias, norm, remainder, total, activation } = formula;
  return (
    <table class="formula-sum">
      <caption>Weight × input, the largest first{strongest ? "; of the channel's neurons this is the strongest" : ""}</caption>
      <thead>
        <tr>
          <th scope="col">input</th>
          <th scope="col">weight</th>
          <th scope="col">× value</th>
          <th scope="col">= product</th>
        </tr>
      </thead>
      <tbody>
        {terms.map((term) => (
          <tr key={term.source}>
            <th scope="row">{term.source}</th>
            <td>{written(term.weight)}</td>
            <td>{written(term.input)}</td>
            <td class={signOf(term.product)}>{signed(term.product)}</td>
          </tr>
        ))}
      </tbody>
      <tbody>
        {others > 0 && <Row name={`${others} more products`} value={rest} />}
        <Row name={norm ? "bias, with the norm in it" : "bias"} value={bias} />
        {remainder !== 0 && <Row name="remainder" value={remainder} />}
      </tbody>
      <tbody class="formula-total">
        <Row name="total" value={total} />
        {formula.function && <Row name={`${formula.function}(total)`} value={activation} />}
      </tbody>
    </table>
  );
}

function Row({ name, value }: { name: string; value: number }) {
  return (
    <tr>
      <th scope="row" colSpan={3}>
        {name}
      </th>
      <td class={signOf(value)}>{signed(value)}</td>
    </tr>
  );
}

function signed(value: number): string {
  return (value > 0 ? "+" : "") + written(value);
}

function signOf(value: number): string {
  return value > 0 ? "excites" : value < 0 ? "inhibits" : "";
}
