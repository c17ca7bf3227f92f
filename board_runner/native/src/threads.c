/* Threads that do a task together. */
#define _POSIX_C_SOURCE 200809L
#include "threads.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

struct worker {
    struct sgs_pool *pool;
    pthread_t thread;
    int number;
};

struct sgs_pool {
    pthread_mutex_t lock;
    pthread_cond_t begin, end;
    unsigned long round; /* counts tasks; a worker waits for the next */
    int busy;
    bool stop;
    sgs_task *task;
    void *context;
    int workers; /* beside the caller */
    struct worker worker[];
};

static void *work(void *given)
{
    struct worker *worker = given;
    struct sgs_pool *pool = worker->pool;
    unsigned long seen = 0;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (pool->round == seen && !pool->stop)
            pthread_cond_wait(&pool->begin, &pool->lock);
        if (pool->stop)
            break;
        seen = pool->round;
        pthread_mutex_unlock(&pool->lock);
        pool->task(pool->context, worker->number);
        pthread_mutex_lock(&pool->lock);
        if (--pool->busy == 0)
            pthread_cond_signal(&pool->end);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

struct sgs_pool *sgs_pool_open(int threads)
{
    if (threads < 2)
        return NULL;
    struct sgs_pool *pool = calloc(1, sizeof *pool + (size_t)(threads - 1) * sizeof pool->worker[0]);
    if (!pool)
        return NULL;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->begin, NULL);
    pthread_cond_init(&pool->end, NULL);
    for (int i = 0; i < threads - 1; i++) {
        struct worker *worker = pool->worker + i;
        worker->pool = pool;
        worker->number = i + 1;
        if (pthread_create(&worker->thread, NULL, work, worker) != 0) {
            sgs_pool_close(pool);
            return NULL;
        }
        pool->workers++;
    }
    return pool;
}

void sgs_pool_close(struct sgs_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stop = true;
    pthread_cond_broadcast(&pool->begin);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->workers; i++)
        pthread_join(pool->worker[i].thread, NULL);
    pthread_cond_destroy(&pool->begin);
    pthread_cond_destroy(&pool->end);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

void sgs_pool_run(struct sgs_pool *pool, sgs_task *task, void *context)
{
    if (!pool) {
        task(context, 0);
        return;
    }
    pthread_mutex_lock(&pool->lock);
    pool->task = task;
    pool->context = context;
    pool->busy = pool->workers;
    pool->round++;
    pthread_cond_broadcast(&pool->begin);
    pthread_mutex_unlock(&pool->lock);
    task(context, 0);
    pthread_mutex_lock(&pool->lock);
    while (pool->busy)
        pthread_cond_wait(&pool->end, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}
