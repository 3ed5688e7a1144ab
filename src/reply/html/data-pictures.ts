/**
 * Pictures that an HTML text carries in itself, as `data:` addresses.
 *
 * Contract: `takePictures` takes them out of the text, before its length is counted, and puts a `cid:` in their
 * place, so that they are attachments like any other picture of the mail.
 * Standards: RFC 2397. Limits: 100 pictures; an address that is not base64 stays and shows nothing.
 */

/** A picture of the text; `contentId` is what stands in its place. */
export interface DataPicture {
  readonly contentId: string;
  readonly type: string;
  readonly content: Buffer;
}

const MAX_PICTURES = 100;
const PICTURE = /data:(image\/[a-z0-9.+-]{1,40})(?:;[a-z0-9=._-]{1,60}){0,4};base64,([a-z0-9+/=%\s]*)/gi;

/** Takes the pictures out of a text, and gives both; `prefix` makes their names unlike those of another part. */
export function takePictures(
  html: Buffer,
  prefix: string,
): { readonly html: Buffer; readonly pictures: readonly DataPicture[] } {
  if (!html.includes('data:image/')) return { html, pictures: [] };
  const pictures: DataPicture[] = [];
  const text = html.toString('latin1').replace(PICTURE, (whole, type: string, base64: string) => {
    if (pictures.length === MAX_PICTURES) return whole;
    const content = Buffer.from(
      base64.replace(/%([\da-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
      'base64',
    );
    if (content.length === 0) return whole;
    const contentId = `${prefix}-${pictures.length + 1}@data`;
    pictures.push({ contentId, type: type.toLowerCase(), content });
    return `cid:${contentId}`;
  });
  return { html: Buffer.from(text, 'latin1'), pictures };
}
