/** A refusal by the server (its `code` is stable), or a local fault such as `microphone_denied`, `timeout`, `offline`. */
export class PodiumError extends Error {
  constructor(code, message = code, details = {}) {
    super(message);
    this.name = 'PodiumError';
    this.code = code;
    this.details = details;
  }
}
