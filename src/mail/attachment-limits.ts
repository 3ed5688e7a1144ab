/**
 * Limits on attachments, and their defaults. A pattern is a type (`image/png`), a family (`image/*`) or an extension
 * (`.exe`).
 */

/** Limits of the files that are posted with a reply. */
export interface AttachmentLimits {
  readonly maxFileBytes: number;
  readonly maxFiles: number;
  readonly maxTotalBytes: number;
  /** Patterns of which one must match what the bytes show; empty allows every file. */
  readonly allow: readonly string[];
  /** Patterns that refuse a file, stronger than `allow`. */
  readonly deny: readonly string[];
}

/** What Windows starts, installs or takes settings from at a click. */
const STARTED_AT_A_CLICK = [
  ...[
    'exe',
    'scr',
    'com',
    'pif',
    'cpl',
    'lnk',
    'hta',
    'msi',
    'msp',
    'mst',
    'msc',
    'bat',
    'cmd',
    'vb',
    'vbs',
    'vbe',
  ],
  ...['js', 'jse', 'ws', 'wsf', 'wsc', 'wsh', 'sct', 'ps1', 'psm1', 'jar', 'reg', 'inf', 'chm', 'hlp', 'url'],
  ...['application', 'appref-ms', 'gadget', 'appx', 'msix', 'settingcontent-ms', 'scf'],
];

/** The defaults: 10 MiB a file, 20 files, 25 MiB in all, nothing that Windows starts at a click. */
export const ATTACHMENT_LIMITS: AttachmentLimits = {
  maxFileBytes: 10 * 1024 * 1024,
  maxFiles: 20,
  maxTotalBytes: 25 * 1024 * 1024,
  allow: [],
  deny: [
    'application/vnd.microsoft.portable-executable',
    ...STARTED_AT_A_CLICK.map((extension) => `.${extension}`),
  ],
};
