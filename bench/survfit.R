# SPDX-License-Identifier: BSD-3-Clause
# Times survfit on the records of a folder; arguments: the folder, the number of runs.
suppressPackageStartupMessages(library(survival))
arguments <- commandArgs(trailingOnly = TRUE)
file <- function(name) paste0(arguments[1], "/", name)
n <- base::file.size(file("time.bin")) / 8
time <- readBin(file("time.bin"), "double", n)
event <- readBin(file("event.bin"), "integer", n, size = 4)
invisible(survfit(Surv(time[1:100], event[1:100]) ~ 1))
taken <- sapply(seq_len(as.integer(arguments[2])), function(run) {
  gc()
  t <- system.time(fit <<- survfit(Surv(time, event) ~ 1), gcFirst = FALSE)
  t[["user.self"]] + t[["sys.self"]]
})
writeLines(format(1e3 * median(taken), digits = 15), file("ms.txt"))
writeBin(fit$time, file("t.bin"))
writeBin(fit$surv, file("s.bin"))
