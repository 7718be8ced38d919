#include "server/logs/log_store.h"
