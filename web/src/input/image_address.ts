/** A picture at an address, fetched by the browser. A site must allow that; most do not, and no page can tell why. */

const REFUSED = "That site does not let pages read its pictures, or cannot be reached. Save the picture and upload it.";

export function isAddress(text: string): boolean {
  return /^https?:\/\/\S+$/i.test(text);
}

/** The picture and a name for it; throws an Error with a sentence for the reader. */
export async function fetchPicture(address: string, get: typeof fetch = fetch): Promise<{ data: Blob; name: string }> {
  const wanted = address.trim();
  if (!isAddress(wanted)) throw new Error(`An address must begin with http:// or https://, not ${wanted || "be empty"}.`);
  let answer: Response;
  try {
    answer = await get(wanted, { mode: "cors", credentials: "omit", referrerPolicy: "no-referrer" });
  } catch {
    throw new Error(REFUSED);
  }
  if (!answer.ok) throw new Error(`There is no picture at that address: the site answers ${answer.status}. Check the address.`);
  const data = await answer.blob();
  if (!data.type.startsWith("image/")) {
    throw new Error(
      `An address must be that of a picture, not of ${data.type || "something unknown"}. Open the picture by itself and copy its address.`,
    );
  }
  return { data, name: nameOf(wanted) };
}

function nameOf(address: string): string {
  const last = new URL(address).pathname.split("/").pop() ?? "";
  try {
    return decodeURIComponent(last).slice(0, 100) || new URL(address).host;
  } catch {
    return last.slice(0, 100);
  }
}
