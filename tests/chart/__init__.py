"""The Helm chart: each document that it renders, and the number of workers that an autoscaler makes of /v1/scale."""
