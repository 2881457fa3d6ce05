/**
 * The typed events of the client, each as one declaration: the same names, fields and derived
 * attributes as in Python.
 *
 * Generated from telemetry/registry by `make generate`: change it there.
 */
import type { EventType } from './eventType';
import type {
  EventMethods,
  CodeInsert,
  ContextSwitch,
} from './eventTypes';
import * as kinds from './kinds';
import * as sc from './semconv';

export const INSTALL: EventType = {
  name: sc.EXT_INSTALL,
  service: 'extension',
  fields: {
    ide: { key: sc.CORTEX_IDE, kind: kinds.label },
    version: { key: sc.CORTEX_EXTENSION_VERSION, kind: kinds.label },
    ideVersion: { key: sc.CORTEX_IDE_VERSION, kind: kinds.label },
  },
  feature: [sc.CORTEX_IDE],
  result: 'success',
};

export const ACTIVATE: EventType = {
  name: sc.EXT_ACTIVATE,
  service: 'extension',
  fields: {
    ide: { key: sc.CORTEX_IDE, kind: kinds.label },
    projectPath: { key: sc.CORTEX_PROJECT_PATH, kind: kinds.text },
    ideVersion: { key: sc.CORTEX_IDE_VERSION, kind: kinds.label },
  },
  feature: [sc.CORTEX_IDE],
  result: 'success',
};

export const UI_INTERACTION: EventType = {
  name: sc.EXT_UI_INTERACTION,
  service: 'extension',
  fields: {
    action: { key: sc.CORTEX_UI_ACTION, kind: kinds.label },
    element: { key: sc.CORTEX_UI_ELEMENT, kind: kinds.label },
  },
  feature: [sc.CORTEX_UI_ACTION, sc.CORTEX_UI_ELEMENT],
  result: 'success',
};

export const CODE_INSERT: EventType = {
  name: sc.EXT_CODE_INSERT,
  service: 'extension',
  fields: {
    language: { key: sc.CORTEX_CODE_LANGUAGE, kind: kinds.label },
    linesInserted: { key: sc.CORTEX_CODE_LINES_INSERTED, kind: kinds.count },
    completionAccepted: { key: sc.CORTEX_CODE_COMPLETION_ACCEPTED, kind: kinds.flag },
  },
  feature: [sc.CORTEX_CODE_LANGUAGE],
  result: 'success',
};

export const CONTEXT_SWITCH: EventType = {
  name: sc.EXT_CONTEXT_SWITCH,
  service: 'extension',
  fields: {
    fromBranch: { key: sc.CORTEX_BRANCH_FROM, kind: kinds.text },
    toBranch: { key: sc.CORTEX_BRANCH_TO, kind: kinds.text },
    filePath: { key: sc.CORTEX_FILE_PATH, kind: kinds.text },
  },
  feature: [],
  result: 'success',
};

export const EXTENSION_ERROR: EventType = {
  name: sc.EXT_ERROR,
  service: 'extension',
  fields: {
    errorType: { key: sc.CORTEX_ERROR_TYPE, kind: kinds.errorName, also: sc.ERROR_TYPE },
    message: { key: sc.CORTEX_ERROR_MESSAGE, kind: kinds.text },
    stack: { key: sc.CORTEX_ERROR_LOCATION, kind: kinds.stack },
    crash: { key: sc.CORTEX_ERROR_CRASH, kind: kinds.flag },
    result: { key: sc.CORTEX_RESULT, kind: kinds.choice('error', 'timeout') },
  },
  feature: [],
  result: 'error',
};

export const EVENTS = [INSTALL, ACTIVATE, UI_INTERACTION, CODE_INSERT, CONTEXT_SWITCH, EXTENSION_ERROR];

/** Records events by a method each. */
export abstract class Events implements EventMethods {
  protected abstract recordFields(event: EventType, fields: object): void;
  protected abstract timeFields<T>(event: EventType, fields: object, work: () => T): T;

  codeInsert(fields: CodeInsert): void {
    this.recordFields(CODE_INSERT, fields);
  }

  contextSwitch(fields: ContextSwitch): void {
    this.recordFields(CONTEXT_SWITCH, fields);
  }
}
