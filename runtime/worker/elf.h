/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks at a shared object before dlopen does, because dlopen runs its constructors: whether it is
 * one for this machine, and whether it exports a symbol. Reads with pread only; any bytes are
 * safe. Any thread; blocks on the disk.
 */
#ifndef WORKER_ELF_H
#define WORKER_ELF_H

#include <gale/errors.h>

/**
 * @param fd the file, open for reading; stays the caller's. @param symbol that must be defined.
 * @param error receives the reason as half a sentence ("is not an ELF file …").
 * @return GALE_OK; GALE_ERR_CORRUPT (no ELF shared object, or cut short), GALE_ERR_UNSUPPORTED
 * (another machine), GALE_ERR_NOT_FOUND (no such symbol), GALE_ERR_IO. An object without section
 * headers passes: dlsym answers for it.
 */
enum gale_err elf_check(int fd, const char *symbol, struct gale_error *error);

#endif
