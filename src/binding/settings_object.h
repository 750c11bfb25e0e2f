/* Settings as a Lua value: the call of a running request (then its engine's), or a settings object of
 * its own (a candidate of init_signer_config, an environment given as a table). */
#ifndef SIGNER_BINDING_SETTINGS_OBJECT_H
#define SIGNER_BINDING_SETTINGS_OBJECT_H

#include "binding/binding.h"
#include "session/settings.h"

struct settings *binding_check_settings(lua_State *L, int index);

#endif
