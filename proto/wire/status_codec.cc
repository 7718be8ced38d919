#include "proto/wire/status_codec.h"
