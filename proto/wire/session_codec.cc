#include "proto/wire/session_codec.h"
