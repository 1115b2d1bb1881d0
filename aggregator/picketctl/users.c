/* user add, password, list. Passwords come from a file or standard input, never from argv. */
#include "aggregator/picketctl/ctl.h"

#include "aggregator/auth/password.h"
#include "aggregator/auth/roles.h"
#include "common/encode.h"
#include "common/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { PASSWORD_BYTES = 15 };

/* The first line of the file, or of standard input for "-"; the caller wipes and frees. */
static char *read_password(const char *path, struct err *e)
{
    char *text = NULL;
    if (path == NULL) {
        (void)err_set(e, ERR_ARG,
                      "--password-file FILE (\"-\": standard input) or --generate is wanted");
        return NULL;
    }
    if (strcmp(path, "-") != 0) {
        size_t len = 0;
        text = file_read_secret(path, 4096, &len, e);
    } else {
        size_t size = 0;
        if (getline(&text, &size, stdin) < 0) {
            free(text);
            text = NULL;
            (void)err_set(e, ERR_IO, "no password on standard input");
        }
    }
    if (text != NULL) {
        text[strcspn(text, "\r\n")] = '\0';
    }
    return text;
}

/* 120 random bits as text that can be typed; printed once the account has it. */
static char *make_password(struct err *e)
{
    uint8_t bytes[PASSWORD_BYTES];
    char *text = malloc(BASE64URL_LEN(sizeof bytes) + 1);
    if (text == NULL || getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) {
        free(text);
        (void)err_set(e, ERR_NOMEM, "no password can be made");
        return NULL;
    }
    (void)base64url_encode(bytes, sizeof bytes, text);
    explicit_bzero(bytes, sizeof bytes);
    return text;
}

static int hash_password(struct ctl *ctl, char *hash, struct err *e)
{
    char *password = ctl->generate ? make_password(e) : read_password(ctl->password_file, e);
    if (password == NULL) {
        return -1;
    }
    int result = password_check(password, e) == 0 ? password_hash(password, hash, e) : -1;
    if (result == 0 && ctl->generate) {
        ctl->made_password = password; /* wiped when it is told */
        return 0;
    }
    explicit_bzero(password, strlen(password));
    free(password);
    return result;
}

/* Shows a password that we made, once and only when the account has it. */
static int tell_password(struct ctl *ctl, const char *user, int result)
{
    if (ctl->made_password != NULL) {
        if (result == 0) {
            printf("%s may sign in with the password %s\n", user, ctl->made_password);
        }
        explicit_bzero(ctl->made_password, strlen(ctl->made_password));
        free(ctl->made_password);
        ctl->made_password = NULL;
    }
    return result;
}

static int audit(struct ctl *ctl, const char *action, const char *user, const char *role,
                 struct err *e)
{
    static const char sql[] =
        "INSERT INTO audit (actor, action, subject, detail) VALUES ('picketctl', $1, $2, $3)";
    struct pg_args args = {0};
    pg_add_text(&args, action);
    pg_add_text(&args, user);
    pg_add_text(&args, role);
    return pg_run(ctl->pg, sql, &args, e);
}

/* Runs a statement that must touch one row. */
static int touch_one(struct ctl *ctl, const char *sql, const struct pg_args *args,
                     const char *otherwise, struct err *e)
{
    struct pg_rows *rows = pg_query(ctl->pg, sql, args, e);
    if (rows == NULL) {
        return -1;
    }
    bool one = pg_rows_affected(rows) == 1;
    pg_rows_free(rows);
    return one ? 0 : err_set(e, ERR_ARG, "%s", otherwise);
}

static const char *check_user(const char *const *arguments, struct err *e)
{
    if (arguments[0] == NULL || !user_name_is_valid(arguments[0])) {
        (void)err_set(e, ERR_ARG, "a user NAME of the form [a-z0-9][a-z0-9._-]{0,62} is wanted");
        return NULL;
    }
    return arguments[0];
}

static int add_user(struct ctl *ctl, const char *user, struct err *e)
{
    static const char sql[] = "INSERT INTO account (name, role, password) VALUES ($1, $2, $3)"
                              " ON CONFLICT (name) DO NOTHING";
    char hash[PASSWORD_HASH_SIZE];
    if (ctl->role == NULL || role_by_name(ctl->role) == ROLE_NONE) {
        return err_set(e, ERR_ARG, "--role viewer, operator or admin is wanted");
    }
    if (hash_password(ctl, hash, e) != 0 || ctl_database(ctl, e) != 0) {
        return -1;
    }
    struct pg_args args = {0};
    pg_add_text(&args, user);
    pg_add_text(&args, ctl->role);
    pg_add_text(&args, hash);
    if (touch_one(ctl, sql, &args, "there is a user of this name already; see user password", e) !=
        0) {
        return -1;
    }
    return audit(ctl, "user.add", user, ctl->role, e);
}

int ctl_user_add(struct ctl *ctl, const char *const *arguments, struct err *e)
{
    const char *user = check_user(arguments, e);
    return user != NULL ? tell_password(ctl, user, add_user(ctl, user, e)) : -1;
}

static int change_password(struct ctl *ctl, const char *user, struct err *e)
{
    static const char sql[] = "UPDATE account SET password = $2 WHERE name = $1";
    static const char end_sql[] = "DELETE FROM session s USING account a"
                                  " WHERE s.account_id = a.id AND a.name = $1";
    char hash[PASSWORD_HASH_SIZE];
    if (hash_password(ctl, hash, e) != 0 || ctl_database(ctl, e) != 0) {
        return -1;
    }
    struct pg_args args = {0};
    pg_add_text(&args, user);
    pg_add_text(&args, hash);
    struct pg_args who = {0};
    pg_add_text(&who, user);
    if (touch_one(ctl, sql, &args, "there is no user of this name", e) != 0 ||
        pg_run(ctl->pg, end_sql, &who, e) != 0) {
        return -1;
    }
    return audit(ctl, "user.password", user, "", e);
}

int ctl_user_password(struct ctl *ctl, const char *const *arguments, struct err *e)
{
    const char *user = check_user(arguments, e);
    return user != NULL ? tell_password(ctl, user, change_password(ctl, user, e)) : -1;
}

int ctl_user_list(struct ctl *ctl, const char *const *arguments, struct err *e)
{
    static const char sql[] =
        "SELECT name, role, to_char(created_at, 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),"
        " to_char(last_login_at, 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM account ORDER BY name";
    static const char *const heads[] = {"name", "role", "created", "last_login"};
    (void)arguments; /* none */
    if (ctl_database(ctl, e) != 0) {
        return -1;
    }
    struct pg_rows *rows = pg_query(ctl->pg, sql, NULL, e);
    if (rows == NULL) {
        return -1;
    }
    int result = ctl_print(ctl, rows, heads, sizeof heads / sizeof heads[0], e);
    pg_rows_free(rows);
    return result;
}
