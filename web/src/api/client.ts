// One typed fetch for every call. The path, its parameters and the answer are held against the
// contract by the compiler; a failure of any kind becomes an ApiError.
import type { paths } from "./schema";

type Method = "get" | "post" | "put" | "delete";
type PathOf<M extends Method> = {
  [P in keyof paths]: paths[P][M] extends { responses: object } ? P : never;
}[keyof paths];
type Call<P extends keyof paths, M extends Method> = paths[P][M];
type Json<R> = R extends { content: { "application/json": infer B } } ? B : undefined;
type Answer<C> = C extends { responses: infer R }
  ? Json<R[Extract<keyof R, 200 | 201 | 202 | 204>]>
  : never;
type QueryOf<C> = C extends { parameters: { query?: infer Q } } ? Q : undefined;
type BodyOf<C> = C extends { requestBody: { content: { "application/json": infer B } } }
  ? B
  : undefined;

export interface CallOptions<C> {
  /** Values for the {braces} of the path. */
  path?: Record<string, string>;
  query?: QueryOf<C>;
  body?: BodyOf<C>;
  signal?: AbortSignal;
}

/** A refused or failed call. Status 0: the centre did not answer at all. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly field: string | null = null,
    readonly hint: string | null = null,
  ) {
    super(message);
  }
}

/** Any failure as one that a page can show; what is no answer of the centre is a fault of our own. */
export function asApiError(failure: unknown): ApiError {
  if (failure instanceof ApiError) return failure;
  const what = failure instanceof Error ? failure.message : String(failure);
  return new ApiError(0, "internal", `The console failed: ${what}`);
}

let csrf = "";
let onUnauthenticated: () => void = () => {};

/** The value that calls which change something must carry; set at sign-in. */
export function setCsrf(value: string): void {
  csrf = value;
}

/** Tells whom to call when the session has ended behind our back. */
export function setUnauthenticatedHandler(handler: () => void): void {
  onUnauthenticated = handler;
}

/** Builds the address of a call; empty and undefined parameters are left out. Exported for tests. */
export function buildUrl(
  template: string,
  path: Record<string, string> = {},
  query: Record<string, unknown> = {},
): string {
  const filled = template.replace(/\{(\w+)\}/g, (_, key: string) =>
    encodeURIComponent(path[key] ?? ""),
  );
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") search.set(key, String(value));
  }
  const text = search.toString();
  return text ? `${filled}?${text}` : filled;
}

async function readError(response: Response): Promise<ApiError> {
  try {
    const { error } = (await response.json()) as {
      error: { code: string; message: string; field?: string | null; hint?: string | null };
    };
    return new ApiError(response.status, error.code, error.message, error.field, error.hint);
  } catch {
    return new ApiError(response.status, "bad_answer", response.statusText || "bad answer");
  }
}

async function send(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (failure) {
    if (init.signal?.aborted) throw failure;
    throw new ApiError(0, "no_answer", "The centre does not answer.");
  }
}

export async function call<M extends Method, P extends PathOf<M>>(
  method: M,
  path: P,
  options: CallOptions<Call<P, M>> = {},
): Promise<Answer<Call<P, M>>> {
  const headers: Record<string, string> = {};
  if (options.body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "get" && csrf) headers["X-Picket-CSRF"] = csrf;
  const response = await send(buildUrl(path, options.path, options.query ?? {}), {
    method: method.toUpperCase(),
    headers,
    body: options.body === undefined ? undefined : JSON.stringify(options.body),
    signal: options.signal,
    credentials: "same-origin",
  });
  if (!response.ok) {
    const error = await readError(response);
    if (response.status === 401 && path !== "/api/v1/session") onUnauthenticated();
    throw error;
  }
  return (response.status === 204 ? undefined : await response.json()) as Answer<Call<P, M>>;
}
