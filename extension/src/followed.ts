/** Work of the caller's, followed to its end without changing what the caller gets. */
import { isPromise } from 'node:util/types';

export interface Failure {
  readonly thrown: unknown;
}

/** Run `work` once and return what it returns; `end` is called when it is over, also a promise. */
export function followed<T>(work: () => T, end: (failure?: Failure) => void): T {
  let result: T;
  try {
    result = work();
  } catch (thrown) {
    end({ thrown });
    throw thrown;
  }
  if (!isPromise(result)) {
    end();
    return result;
  }
  // What the caller gets must be what it can catch: a rejection that we looked at would no longer
  // be one that nobody handled.
  return result.then(
    (value: unknown) => {
      end();
      return value;
    },
    (thrown: unknown) => {
      end({ thrown });
      throw thrown;
    },
  ) as T;
}
