/** Where the configuration is; alone in its file, so that a command line is read without what reads a configuration. */

/** Where the configuration is looked for when no `--config` is given. */
export const DEFAULT_CONFIG_PATH = '/etc/mailgw/mailgw.toml';
