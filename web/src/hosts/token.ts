/** The token that lets a page in: it comes in the page's address, is taken out of it, and remembered. */
import { recall, remember } from "./memory";

/** The token in a fragment, `#token=…` alone or beside the state of the page. */
export function tokenIn(hash: string): string {
  return /[#?&]token=([\w-]+)/.exec(hash)?.[1] ?? "";
}

/** A fragment without its token. */
export function withoutToken(hash: string): string {
  const rest = hash.replace(/([#?&])token=[\w-]+&?/, "$1").replace(/[?&]$/, "");
  return rest === "#" ? "" : rest;
}

/** The token of the address, else the one remembered. */
export function takeToken(): string {
  const token = tokenIn(location.hash);
  if (!token) return recall("token");
  remember("token", token);
  history.replaceState(null, "", location.pathname + withoutToken(location.hash));
  return token;
}
