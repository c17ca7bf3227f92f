/* Threads that do a task together: the caller is one of them. */
#ifndef SGS_THREADS_H
#define SGS_THREADS_H

struct sgs_pool;

typedef void sgs_task(void *context, int thread);

/* A pool of `threads` with the caller; NULL for one thread, and where no other can be had. */
struct sgs_pool *sgs_pool_open(int threads);
void sgs_pool_close(struct sgs_pool *pool);

/* Call `task` with every number from 0 to threads - 1, and wait for all. Without a pool, with 0 alone. */
void sgs_pool_run(struct sgs_pool *pool, sgs_task *task, void *context);

#endif
