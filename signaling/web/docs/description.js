/** A description is an OpenAPI document, read: its operations by group, references followed, an example made for any schema. */

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

export class Description {
  constructor(document) {
    this.document = document;
  }

  /** What a reference leads to; anything else as it is. What stands beside the reference counts more. */
  resolve(node) {
    if (!node?.$ref) return node;
    const { $ref, ...beside } = node;
    const found = $ref.slice(2).split('/').reduce((part, name) => part?.[name.replaceAll('~1', '/').replaceAll('~0', '~')], this.document);
    return { ...this.resolve(found), ...beside };
  }

  /** The operations under the tags, in the order of the document. */
  groups() {
    const all = Object.entries(this.document.paths).flatMap(([path, methods]) =>
      METHODS.filter((method) => methods[method]).map((method) => this.#operation(path, method, methods[method])));
    return this.document.tags
      .map((tag) => ({ ...tag, operations: all.filter((operation) => operation.tags.includes(tag.name)) }))
      .filter((group) => group.operations.length > 0);
  }

  #operation(path, method, operation) {
    const responses = Object.entries(operation.responses).map(([status, response]) => [status, this.resolve(response)]).map(([status, answer]) => ({
      status,
      description: answer.description,
      headers: Object.keys(answer.headers ?? {}),
      content: Object.entries(answer.content ?? {}).map(([type, { schema }]) => ({ type, schema })),
    }));
    const parameters = (operation.parameters ?? []).map((parameter) => this.resolve(parameter));
    return { ...operation, path, method: method.toUpperCase(), parameters, responses };
  }

  body(operation) {
    const body = operation.requestBody;
    return body && { required: body.required === true, schema: body.content['application/json'].schema };
  }

  schemas() {
    return Object.entries(this.document.components.schemas);
  }

  /** Something that fits a schema, with the fields that there must be and the words that are known for the others. */
  example(schema, name = '') {
    const { type, enum: choices, const: only, properties, required = [], items, minimum } = this.resolve(schema);
    if (only !== undefined) return only;
    if (choices) return choices[0];
    if (properties) {
      const wanted = required.length > 0 ? required : Object.keys(properties).slice(0, 1);
      return Object.fromEntries(wanted.map((field) => [field, this.example(properties[field], field)]));
    }
    if (type === 'array') return [this.example(items)];
    if (type === 'boolean') return true;
    if (type === 'integer' || type === 'number') return name === 'seat' ? 1 : (minimum ?? 0);
    if (type === 'object') return {};
    return EXAMPLES[name] ?? '';
  }
}

const EXAMPLES = { id: 'demo', room: 'demo', identity: 'ben', to: 'ben', invite: 'IN_1', reason: 'shouting' };
