/** Pictures within a text: Markdown names them by their Content-ID, which no platform knows. */

/** A picture of the mail; its target may stand in angle brackets. */
const PICTURE = /!\[((?:\\.|[^\]\\]){0,500})\]\(<?cid:([^\s<>()]{1,500})>?\)/gi;

/** Has the pictures of a text lead to where they are now; one that is nowhere leaves its label. */
export function placePictures(
  markdown: string,
  addressOf: (contentId: string) => string | undefined,
): string {
  return markdown.replace(PICTURE, (_, label: string, target: string) => {
    // What was made inert or escaped stands for itself.
    const address = addressOf(target.replace(/[\u2060\\]/g, ''));
    return address === undefined ? label : `![${label}](${address})`;
  });
}
