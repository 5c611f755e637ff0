/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the heads of an ELF shared object (System V ABI, gABI 4.1: ELF header, section headers,
 * .dynsym and its string table). Every offset and count comes from the file and is checked against
 * what was read. Not a loader and not a verifier: it keeps wrong files away from dlopen, not
 * hostile ones.
 */
#include "worker/elf.h"
#include "base/assert.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TABLE_SIZE_MAX (64u << 20) /* bytes of a symbol or string table */

#if defined(__x86_64__)
#define ELF_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define ELF_MACHINE EM_AARCH64
#elif defined(__riscv)
#define ELF_MACHINE EM_RISCV
#else
#error "name this machine's EM_ number here"
#endif

/* Reads exactly `size` bytes; false at the end of the file or on an error. */
static bool read_at(int fd, void *out, size_t size, uint64_t offset)
{
    uint8_t *at = out;
    while (size > 0) {
        if (offset > INT64_MAX) {
            return false;
        }
        ssize_t got = pread(fd, at, size, (off_t)offset);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        at += got;
        size -= (size_t)got;
        offset += (uint64_t)got;
    }
    return true;
}

/* A part of the file in memory of its own, one zero byte behind it; NULL when it is not there. */
static void *read_part(int fd, uint64_t offset, uint64_t size)
{
    if (size == 0 || size > TABLE_SIZE_MAX) {
        return NULL;
    }
    uint8_t *part = calloc(1, (size_t)size + 1);
    if (part != NULL && !read_at(fd, part, (size_t)size, offset)) {
        free(part);
        part = NULL;
    }
    return part;
}

static enum gale_err header_check(const ElfW(Ehdr) * header, struct gale_error *error)
{
    const uint8_t data = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;
    if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) {
        return gale_error_set(error, GALE_ERR_CORRUPT,
                              "is no shared object (it does not begin as an ELF file)");
    }
    if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != data ||
        header->e_machine != ELF_MACHINE) {
        return gale_error_set(error, GALE_ERR_UNSUPPORTED,
                              "was built for another machine: rebuild it on this one");
    }
    if (header->e_type != ET_DYN) {
        return gale_error_set(error, GALE_ERR_CORRUPT,
                              "is no shared object: link it with -shared -fPIC");
    }
    return GALE_OK;
}

static bool symbols_have(const ElfW(Sym) * symbols, size_t count, const char *names,
                         size_t names_size, const char *wanted)
{
    for (size_t i = 0; i < count; i++) {
        /* read_part left a zero byte behind the names, so strcmp stays inside. */
        if (symbols[i].st_shndx != SHN_UNDEF && symbols[i].st_name < names_size &&
            strcmp(names + symbols[i].st_name, wanted) == 0) {
            return true;
        }
    }
    return false;
}

static enum gale_err symbol_check(int fd, const ElfW(Shdr) * sections, size_t sections_count,
                                  const char *wanted, struct gale_error *error)
{
    const ElfW(Shdr) *table = NULL;
    for (size_t i = 0; i < sections_count && table == NULL; i++) {
        table = sections[i].sh_type == SHT_DYNSYM ? &sections[i] : NULL;
    }
    if (table == NULL) {
        return GALE_OK;
    }
    if (table->sh_link >= sections_count) {
        return gale_error_set(error, GALE_ERR_CORRUPT,
                              "is damaged: its symbol table has no names");
    }
    const ElfW(Shdr) *strings = &sections[table->sh_link];
    ElfW(Sym) *symbols = read_part(fd, table->sh_offset, table->sh_size);
    char *names = read_part(fd, strings->sh_offset, strings->sh_size);
    enum gale_err err = GALE_OK;
    if (symbols == NULL || names == NULL) {
        err = gale_error_set(error, GALE_ERR_CORRUPT,
                             "is damaged: its symbol table cannot be read");
    } else if (!symbols_have(symbols, (size_t)table->sh_size / sizeof(*symbols), names,
                             (size_t)strings->sh_size, wanted)) {
        err = gale_error_set(error, GALE_ERR_NOT_FOUND,
                             "is no Gale module: it does not export %s; define the table with "
                             "GALE_MODULE or GALE_MODULE_BOLT",
                             wanted);
    }
    free(symbols);
    free(names);
    return err;
}

enum gale_err elf_check(int fd, const char *symbol, struct gale_error *error)
{
    GALE_ASSERT(fd >= 0 && symbol != NULL);
    ElfW(Ehdr) header;
    memset(&header, 0, sizeof(header));
    if (!read_at(fd, &header, sizeof(header), 0)) {
        return gale_error_set(error, GALE_ERR_CORRUPT,
                              "is no shared object (it is too short for one)");
    }
    enum gale_err err = header_check(&header, error);
    if (err != GALE_OK || header.e_shoff == 0 || header.e_shnum == 0) {
        return err;
    }
    if (header.e_shentsize != sizeof(ElfW(Shdr))) {
        return gale_error_set(error, GALE_ERR_CORRUPT,
                              "is damaged: its section headers have a wrong size");
    }
    ElfW(Shdr) *sections =
        read_part(fd, header.e_shoff, (uint64_t)header.e_shnum * sizeof(ElfW(Shdr)));
    if (sections == NULL) {
        return gale_error_set(error, GALE_ERR_CORRUPT,
                              "is damaged or cut short: its section headers are missing");
    }
    err = symbol_check(fd, sections, header.e_shnum, symbol, error);
    free(sections);
    return err;
}
