/** Attributes, and the allow-list that every record passes once more before it is written or sent. */
import { ALLOWED } from './allowed';

export type AttributeValue = string | number | boolean;
export type Attributes = Record<string, AttributeValue>;

/**
 * Keep what the allow-list allows of what comes out of VS Code's logger.
 *
 * @param data any keys and values: common properties of the host, and whatever an older or newer
 *     host mixes in.
 * @param onRemoved told each key that was ours and did not pass.
 */
export function sieve(data: Readonly<Record<string, unknown>>, onRemoved: () => void): Attributes {
  const kept: Attributes = {};
  for (const [key, value] of Object.entries(data)) {
    const check = ALLOWED.get(key);
    if (check?.(value)) {
      kept[key] = value as AttributeValue;
    } else if (check) {
      onRemoved();
    }
  }
  return kept;
}
