/* SPDX-License-Identifier: Apache-2.0 */
/* Everything a bolt or spout author needs, in one include. */
#ifndef GALE_GALE_H
#define GALE_GALE_H

#include <gale/bolt.h>
#include <gale/component.h>
#include <gale/conf.h>
#include <gale/emit.h>
#include <gale/errors.h>
#include <gale/log.h>
#include <gale/module.h>
#include <gale/spout.h>
#include <gale/task.h>
#include <gale/topology.h>
#include <gale/tuple.h>
#include <gale/value.h>
#include <gale/version.h>

#endif
