/** Whose records these are: tier, user and session. */
import type { Attributes } from './attributes';
import { userHash } from './hashing';
import * as sc from './semconv';
import type { TelemetryContext, TelemetryOptions } from './types';

export class Identity {
  private user: { id: string; hash: string } = { id: '', hash: '' };
  private tier: sc.Tier = 'free';

  /** @param onBadTier told of a tier that isn't one; the last good one is used. */
  constructor(
    private readonly options: TelemetryOptions,
    private readonly sessionId: string,
    private readonly onBadTier: () => void,
  ) {}

  /** As of now, since both may change while the window is open. */
  attributes(): Attributes {
    const { tier, userId, userHashKey } = this.options;
    const told: unknown = ask(tier);
    if ((sc.TIERS as readonly unknown[]).includes(told)) {
      this.tier = told as sc.Tier;
    } else {
      this.onBadTier();
    }
    const given: unknown = ask(userId);
    const id = typeof given === 'string' || typeof given === 'number' ? String(given) : '';
    if (id !== this.user.id) {
      this.user = { id, hash: id ? userHash(id, userHashKey) : '' };
    }
    return {
      [sc.CORTEX_USER_TIER]: this.tier,
      [sc.SESSION_ID]: this.sessionId,
      ...(this.user.hash ? { [sc.USER_HASH]: this.user.hash } : {}),
    };
  }
}

/** What the author's function says; `undefined` if it raises. */
function ask(given: unknown): unknown {
  try {
    return typeof given === 'function' ? (given as () => unknown)() : given;
  } catch {
    return undefined;
  }
}

/** `version` of the extension's `package.json`. */
export function versionOf(context: TelemetryContext): string {
  const { version } = (context.extension?.packageJSON ?? {}) as { version?: unknown };
  return typeof version === 'string' ? version : '';
}
