/* A plugin of QEMU (API version 1) that counts the instructions a program executes, and says how many at its end.
 * The few declarations of qemu-plugin.h that it needs stand here: no package has that header. */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#define EXPORT __attribute__((visibility("default")))

typedef uint64_t plugin_id;
struct translated;
enum { INLINE_ADD = 0 };

extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*callback)(plugin_id, struct translated *));
extern size_t qemu_plugin_tb_n_insns(const struct translated *block);
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct translated *block, int operation, void *counter,
                                                     uint64_t more);
extern void qemu_plugin_register_atexit_cb(plugin_id id, void (*callback)(plugin_id, void *), void *context);
extern void qemu_plugin_outs(const char *text);

EXPORT int qemu_plugin_version = 1;
static uint64_t executed;

static void translated(plugin_id id, struct translated *block)
{
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_inline(block, INLINE_ADD, &executed, qemu_plugin_tb_n_insns(block));
}

static void ended(plugin_id id, void *context)
{
    char text[64];
    (void)id;
    (void)context;
    snprintf(text, sizeof text, "executed %" PRIu64 "\n", executed);
    qemu_plugin_outs(text);
}

EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv);

EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
    (void)info;
    (void)argc;
    (void)argv;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, ended, NULL);
    return 0;
}
