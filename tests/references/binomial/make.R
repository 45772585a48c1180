# SPDX-License-Identifier: BSD-3-Clause
# Run by hand after export_data.py: Rscript tests/references/binomial/make.R
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
setwd(here)
source("../common.R")

# y is 0 or 1 and the coefficients belong to class 1.
cancer <- read_table("cancer.csv")
fit <- function(name, options = list(), ...) {
  write_case(name, "cancer", cancer, "binomial", options, ...)
}
fit("lasso", measures = c("deviance", "class"))
fit("lasso_weights", weighted = TRUE, measures = "deviance")
fit("enet", list(alpha = 0.5), measures = "deviance")
fit("lasso_raw", list(standardize = FALSE))
fit("lasso_origin", list(intercept = FALSE, lambda.min.ratio = 0.01))
fit("lasso_factors", list(penalty.factor = rep(c(1, 0.5, 2), 10)))
fit("lasso_box", list(lower.limits = rep(-0.5, 30), upper.limits = rep(c(0, 1), 15)))
write_meta("binomial", 1e-6, paste(
  "glmnet stops on coordinate changes and clamps probabilities at 1e-9;",
  "see accuracy.json for what check.py measures"))
