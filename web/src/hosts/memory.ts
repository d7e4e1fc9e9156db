/** What the page remembers between visits; nothing, where the browser forbids it (sandboxed frames, private windows). */
export function recall(key: string): string {
  try {
    return localStorage.getItem(`convscope.${key}`) ?? "";
  } catch {
    return "";
  }
}

export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(`convscope.${key}`, value);
  } catch {
    // forbidden or full: the page works without
  }
}
