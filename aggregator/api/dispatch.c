/*
 * From a request to its endpoint: route, session, role, CSRF token, form of the body; in this
 * order, so that what is refused costs the least. Nothing here blocks.
 */
#include "aggregator/api/call.h"
#include "aggregator/api/sessions.h"

#include "aggregator/http/text.h"

#define LOG_MODULE "api"
#include "common/log.h"

#include <stdlib.h>
#include <string.h>

const struct http_fault fault_unavailable = {503, "unavailable",
                                             "The centre's database cannot be reached now.", NULL,
                                             "Live figures go on; try again in a few seconds."};
const struct http_fault fault_unknown_instance = {
    404, "not_found", "There is no instance of this name.", "name", NULL};
const struct http_fault fault_busy = {503, "unavailable", "Too many requests are under way.", NULL,
                                      "Try again in a second."};
const struct http_fault fault_unauthenticated = {401, "unauthenticated", "Nobody is signed in.",
                                                 NULL, "Sign in."};

static const struct http_fault fault_not_found = {404, "not_found", "There is nothing here.", NULL,
                                                  NULL};
static const struct http_fault fault_method = {
    405, "method", "This path does not know this method.", NULL, "See the Allow header."};
static const struct http_fault fault_role = {403, "forbidden", "Your role does not allow this.",
                                             NULL, "Ask an administrator."};
static const struct http_fault fault_csrf = {403, "csrf", "The CSRF token is missing or wrong.",
                                             "X-Picket-CSRF",
                                             "Send the value that the session gave."};
static const struct http_fault fault_type = {415, "bad_request", "The body must be JSON.",
                                             "Content-Type", "Send application/json."};
static const struct http_fault fault_internal = {
    500, "internal", "The centre could not do this.", NULL,
    "Tell the administrator the request's id: the centre's log says more."};

void call_free(struct call *call)
{
    http_request_free(call->request);
    free(call);
}

void call_answer(struct call *call, struct http_response *response)
{
    http_server_reply(call->web->http, call->request->id, response);
    call_free(call);
}

void call_refuse(struct call *call, const struct http_fault *fault)
{
    call_answer(call, http_response_error(fault));
}

bool call_there(void *arg, struct pg *pg)
{
    struct call *call = arg;
    const struct endpoint *endpoint = call->route->handler;
    struct err e = {0};
    struct http_response *response = NULL;
    if (pg == NULL) {
        call_refuse(call, &fault_unavailable);
        return true;
    }
    response = endpoint->there(call, pg, &e);
    bool lost = response == NULL && e.code == ERR_CLOSED;
    if (lost && !call->route->changes) {
        return false; /* a reading may be done again on a new connection */
    }
    if (response == NULL) {
        log_error(&e, "request %llu failed", (unsigned long long)call->request->id);
        response = http_response_error(lost ? &fault_unavailable : &fault_internal);
    }
    call_answer(call, response);
    return true;
}

static void hand_over(struct call *call)
{
    const struct endpoint *endpoint = call->route->handler;
    if (endpoint->here != NULL) {
        endpoint->here(call);
    } else if (!pool_submit(call->web->pool, call_there, call)) {
        call_refuse(call, &fault_busy);
    }
}

static bool has_json(const struct http_request *request)
{
    return text_list_has(request->content_type, "application/json");
}

/* The last look before the endpoint, once it is known who asks. */
static void authorise(struct call *call)
{
    const struct route *route = call->route;
    if (call->who.role < (enum role)route->level) {
        call_refuse(call, &fault_role);
    } else if (route->changes &&
               !session_csrf_matches(call->request->session, call->request->csrf)) {
        call_refuse(call, &fault_csrf);
    } else if ((route->method == HTTP_POST || route->method == HTTP_PUT) &&
               !has_json(call->request)) {
        call_refuse(call, &fault_type);
    } else {
        hand_over(call);
    }
}

static void identify(struct web *web, void *arg);

/* A session that memory does not know: after a restart, or one made by another aggregator. */
static bool look_up(void *arg, struct pg *pg)
{
    struct call *call = arg;
    struct err e = {0};
    if (pg == NULL) {
        call_refuse(call, &fault_unavailable);
        return true;
    }
    if (session_refresh(call->web, pg, call->hash, 0, &e) != 0) {
        if (e.code == ERR_CLOSED) {
            return false;
        }
        log_error(&e, "a session could not be looked up");
        call_refuse(call, &fault_internal);
        return true;
    }
    call->looked_up = true;
    web_return(call->web, identify, call);
    return true;
}

static void identify(struct web *web, void *arg)
{
    struct call *call = arg;
    switch (session_store_use(web->sessions, call->hash, now_ms(), &call->who)) {
    case SESSION_STALE:
        session_refresh_later(web, call->hash, call->who.used_ms);
        authorise(call);
        return;
    case SESSION_VALID: authorise(call); return;
    case SESSION_UNKNOWN: break;
    }
    if (call->looked_up) {
        call_refuse(call, &fault_unauthenticated);
    } else if (!pool_submit(web->pool, look_up, call)) {
        call_refuse(call, &fault_busy);
    }
}

static void enter(struct call *call)
{
    if (call->route->level == ROLE_NONE) {
        authorise(call);
    } else if (!session_id_is_valid(call->request->session)) {
        call_refuse(call, &fault_unauthenticated);
    } else {
        (void)session_hash(call->request->session, call->hash); /* returns its buffer */
        identify(call->web, call);
    }
}

static bool is_api(const char *path)
{
    return strncmp(path, "/api/", 5) == 0 || strcmp(path, "/api") == 0;
}

/* What no route knows: a file of the console, or nothing. */
static struct http_response *answer_outside(const struct web *web,
                                            const struct http_request *request)
{
    bool reads = request->method == HTTP_GET || request->method == HTTP_HEAD;
    struct http_response *response = NULL;
    if (!is_api(request->path) && web->files != NULL) {
        if (!reads) {
            response = http_response_error(&fault_method);
            http_response_header(response, "allow:", "GET, HEAD");
            return response;
        }
        response = static_files_answer(web->files, request);
    }
    return response != NULL ? response : http_response_error(&fault_not_found);
}

static void answer_now(struct web *web, struct http_request *request,
                       struct http_response *response)
{
    http_server_reply(web->http, request->id, response);
    http_request_free(request);
}

void dispatch_request(void *arg, struct http_request *request)
{
    struct web *web = arg;
    size_t count = 0;
    const struct route *table = routes(&count);
    struct route_match match;
    enum route_found found = route_find(table, count, request->method, request->path, &match);
    if (found == ROUTE_NO_PATH) {
        answer_now(web, request, answer_outside(web, request));
        return;
    }
    if (found == ROUTE_NO_METHOD) {
        struct http_response *refusal = http_response_error(&fault_method);
        http_response_header(refusal, "allow:", match.allow);
        answer_now(web, request, refusal);
        return;
    }
    struct call *call = calloc(1, sizeof *call);
    if (call == NULL) {
        answer_now(web, request, NULL);
        return;
    }
    *call =
        (struct call){.web = web, .request = request, .route = match.route, .values = match.values};
    enter(call);
}
