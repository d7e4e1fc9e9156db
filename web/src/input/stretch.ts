/** Pictures made smaller, or stretched, in the browser. */
import * as state from "../store/state";

/** The height and width the network takes. */
export function networkSize(): [number, number] {
  const [height = 224, width = 224] = state.network.value?.size ?? [];
  return [height, width];
}

/** Width and height to send a camera's frame in: its shorter side at most half as long again as the network takes. */
export function sizeToSend(width: number, height: number, size: readonly [number, number]): [number, number] {
  const zoom = Math.min(1, (1.5 * Math.max(...size)) / Math.max(1, Math.min(width, height)));
  return [Math.max(1, Math.round(width * zoom)), Math.max(1, Math.round(height * zoom))];
}

/** A file stretched as below; one that is no picture stays as it is, for the server to say so in a sentence. */
export async function stretchFile(data: Blob): Promise<Blob> {
  let picture: ImageBitmap;
  try {
    picture = await createImageBitmap(data);
  } catch {
    return data;
  }
  const stretched = await stretchImage(picture);
  picture.close();
  return stretched;
}

/** A picture stretched to the shape that the network takes; nothing is cropped from it then. */
export async function stretchImage(picture: ImageBitmap | HTMLImageElement): Promise<Blob> {
  const [height, width] = networkSize();
  const zoom = Math.max(1, Math.ceil(256 / Math.max(height, width))); // small sheets keep some detail to be reduced from
  const sheet = new OffscreenCanvas(width * zoom, height * zoom);
  const pen = sheet.getContext("2d");
  if (!pen) throw new Error("This browser cannot draw on a sheet in memory, so it cannot stretch pictures.");
  pen.imageSmoothingQuality = "high";
  pen.drawImage(picture, 0, 0, sheet.width, sheet.height);
  return sheet.convertToBlob({ type: "image/png" });
}
